model FourGroups
plate n in N
param p : simplex[3]
let f = [p[0]**2+2*p[0]*p[2], p[1]**2+2*p[1]*p[2], 2*p[0]*p[1], p[2]**2]
observed y ~ Multinomial(100, f)
