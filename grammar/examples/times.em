model M
plate s in S
time t in T[s], u in U
