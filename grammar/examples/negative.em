model M
let y = -x**2 - -1
