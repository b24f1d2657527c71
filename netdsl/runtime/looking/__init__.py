"""Pictures of the inside of a trained net: filters, feature maps, saliency, Grad-CAM, attention."""
