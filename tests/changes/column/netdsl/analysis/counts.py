

def stored(layer: LayerAt) -> int:
    return params(layer) + buffers(layer)
