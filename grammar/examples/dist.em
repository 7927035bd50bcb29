model M
dist Gumbel(y : real | m : real, b : positive) = -(y-m)/b - exp(-(y-m)/b) - log(b)
dist Flat(y : unit) = 0
