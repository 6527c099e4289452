"""What panels show: a screen and a key in, a template's context out."""
