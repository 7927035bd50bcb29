model M(a = 1/0)
