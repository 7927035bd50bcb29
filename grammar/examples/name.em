model M
param lambda : positive
param np : real
param time : real
let y = lambda + np*time
