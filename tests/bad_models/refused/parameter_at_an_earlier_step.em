# The M-step took terms in b at two rows for terms in one: numbers that were wrong.
model ParameterAtAnEarlierStep()
time t in T
param b[t] : real ~ Normal(0, sd=1)
observed y[0] ~ Normal(0, sd=1)
observed y[t] ~ Normal(b[t] + b[t-1], sd=1)
