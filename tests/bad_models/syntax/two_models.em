model A
plate n in N
model B
