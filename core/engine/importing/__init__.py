"""Turn published weights of fully convolutional networks into run directories."""
