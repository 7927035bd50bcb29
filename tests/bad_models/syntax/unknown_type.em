model M
param mu : rael
