model M
let y = a + b*c - d/e @ f**g
