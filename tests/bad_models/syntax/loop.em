model M
plate n in N
for n in range(N):
    x[n] ~ Normal(0, sd=1)
