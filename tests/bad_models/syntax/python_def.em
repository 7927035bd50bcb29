model M
def f(x): x + 1
