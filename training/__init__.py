"""From captioned person crops to a model directory: data sets, losses, training, evaluation."""
