"""Train, evaluate and run networks; read and write run directories."""
