// Starts the AT Protocol directory (PLC, in memory) and a PDS on two free ports of 127.0.0.1 and writes the PDS's
// address to the file named by the first argument once it answers, the directory's beside it (`.plc`). SIGTERM stops both. Data go to the second argument.
import fs from 'node:fs/promises'
import net from 'node:net'
import process from 'node:process'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [addressFile, data] = process.argv.slice(2)
// The packages lie in the tools folder, not beside this file.
const from = createRequire(path.join(process.cwd(), 'package.json'))
const load = (name) => import(pathToFileURL(from.resolve(name)))
const plc = await load('@did-plc/server')
const { PDS } = await load('@atproto/pds')
const { Secp256k1Keypair } = await load('@atproto/crypto')

const freePort = () =>
  new Promise((resolve, reject) => {
    const probe = net.createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })

const plcPort = await freePort()
const directory = plc.PlcServer.create({ db: plc.Database.mock(), port: plcPort })
await directory.start()

const rotation = await Secp256k1Keypair.create({ exportable: true })
const recovery = (await Secp256k1Keypair.create()).did()
const port = await freePort()
const pds = await PDS.fromEnv({
  devMode: true,
  port,
  hostname: 'localhost',
  dataDirectory: data,
  blobstoreDiskLocation: path.join(data, 'blobs'),
  recoveryDidKey: recovery,
  adminPassword: 'admin-pass',
  jwtSecret: 'jwt-secret',
  serviceHandleDomains: ['.test'],
  didPlcUrl: `http://127.0.0.1:${plcPort}`,
  // Nothing outside is ever asked: these names do not resolve.
  bskyAppViewUrl: 'https://appview.invalid',
  bskyAppViewDid: 'did:example:invalid',
  modServiceUrl: 'https://moderator.invalid',
  modServiceDid: 'did:example:invalid',
  plcRotationKeyK256PrivateKeyHex: Buffer.from(await rotation.export()).toString('hex'),
  inviteRequired: false,
  disableSsrfProtection: true,
  rateLimitsEnabled: false,
})
await pds.start()
// Handles under .test are in no DNS: the PDS answers for its own accounts.
pds.ctx.idResolver.handle.resolve = async (handle) => (await pds.ctx.accountManager.getAccount(handle))?.did

process.on('SIGTERM', async () => {
  await pds.destroy()
  await directory.destroy()
  process.exit(0)
})
await fs.writeFile(`${addressFile}.plc`, `http://127.0.0.1:${plcPort}`)
// Written beside and renamed, so that a reader never sees half of it.
await fs.writeFile(`${addressFile}.new`, `http://127.0.0.1:${port}`)
await fs.rename(`${addressFile}.new`, addressFile)
