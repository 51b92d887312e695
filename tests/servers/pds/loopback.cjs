// Loaded before everything else (node -r): whatever the servers ask for, they listen on 127.0.0.1 only.
const net = require('net')
const listen = net.Server.prototype.listen
const HERE = '127.0.0.1'

net.Server.prototype.listen = function (...args) {
  const [first] = args
  if (first !== null && typeof first === 'object') {
    if (first.port !== undefined && !first.path) args[0] = { ...first, host: HERE }
  } else if (first === undefined || typeof first === 'number' || /^\d+$/.test(first)) {
    const done = args.find((arg) => typeof arg === 'function')
    args = done ? [Number(first || 0), HERE, done] : [Number(first || 0), HERE]
  }
  return listen.apply(this, args)
}
