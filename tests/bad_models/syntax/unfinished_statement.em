model M
let y = a +
observed x ~ Normal(y, sd=1)
