"""What a data set holds: samples, sizes, and labels of each class and split; counted, shown as words and drawn."""
