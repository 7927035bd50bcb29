model M
time t in T
param w : positive
let h[0] = w
