model M
let y = a +
