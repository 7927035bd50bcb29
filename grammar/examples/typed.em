model M
dist Scaled(y : positive | b : positive) = -y/b - log(b)
