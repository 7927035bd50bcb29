model M
factorise q(z) * q(theta)
