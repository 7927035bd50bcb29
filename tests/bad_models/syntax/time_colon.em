model M
time t : T[s]
