model M
let y = (a + b)*c
