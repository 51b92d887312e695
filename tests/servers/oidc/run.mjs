// Starts a certified OAuth 2.0 server (oidc-provider) on a free port of 127.0.0.1, at the paths that X has, with a small
// resource behind it that takes posts for its tokens; writes its address to the file named by the first argument once it
// listens. SIGTERM stops it. PKCE is required, a refresh token is good for one use, and the replay of a spent one ends
// the grant: all of that is oidc-provider's own doing. Everything is in memory.
import fs from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import process from 'node:process'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [addressFile] = process.argv.slice(2)
// The packages lie in the tools folder, not beside this file.
const from = createRequire(path.join(process.cwd(), 'package.json'))
const { Provider } = await import(pathToFileURL(from.resolve('oidc-provider')))

const port = await new Promise((resolve, reject) => {
  const probe = net.createServer()
  probe.once('error', reject)
  probe.listen(0, '127.0.0.1', () => {
    const { port } = probe.address()
    probe.close(() => resolve(port))
  })
})
const address = `http://127.0.0.1:${port}`
const signIn = 'openid email profile'
const scope = 'tweet.read tweet.write users.read media.write offline.access'

// What the server knows of people beside what they sign in as: told by POST /people.
const known = new Map()
const claimsOf = (id) => {
  const { groups = [], verified = true } = known.get(id) ?? {}
  const email = id.includes('@') ? id : `${id}@news.example`
  return { sub: id, email, email_verified: verified, name: `Person ${id.split('@')[0]}`, groups }
}

const provider = new Provider(address, {
  clients: [
    {
      client_id: 'poster',
      client_secret: 's3cret of poster',
      // Registered as a person registers them: the very text, nothing that only begins alike.
      redirect_uris: ['https://desk.example/connect/callback/x', 'https://desk.example/connect/callback/y'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      scope,
    },
    {
      // Bugle's own desk: people sign in there.
      client_id: 'desk',
      client_secret: 's3cret of the desk',
      redirect_uris: ['https://desk.example/sign-in/oidc/callback'],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      scope: signIn,
    },
  ],
  scopes: [...scope.split(' '), ...signIn.split(' ')],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  ttl: { AccessToken: 7200, RefreshToken: 15552000, AuthorizationCode: (_ctx, _code, client) => (client.clientId === 'desk' ? 300 : 30), Grant: 15552000, Session: 600, Interaction: 600 },
  issueRefreshToken: async (_ctx, _client, code) => code.scopes.has('offline.access'),
  findAccount: async (_ctx, id) => ({ accountId: id, claims: async () => claimsOf(id) }),
  features: { devInteractions: { enabled: true }, revocation: { enabled: true } },
  routes: { authorization: '/i/oauth2/authorize', token: '/2/oauth2/token', revocation: '/2/oauth2/revoke' },
  cookies: { keys: ['only for tests'] },
})

// The resource: whose token it is and what it may do is asked of oidc-provider's own store.
const posts = []
const read = async (request) => {
  let text = ''
  for await (const chunk of request) text += chunk
  return text
}
provider.use(async (ctx, next) => {
  if (ctx.path === '/people' && ctx.method === 'POST') {
    const { id, ...more } = JSON.parse(await read(ctx.req))
    known.set(id, more)
    ctx.status = 204
    return
  }
  if (ctx.path === '/posts') {
    ctx.body = posts
    return
  }
  if (!ctx.path.startsWith('/2/') || ctx.path.startsWith('/2/oauth2/')) return next()
  const value = /^Bearer (\S+)$/.exec(ctx.get('authorization'))?.[1]
  const token = value && (await provider.AccessToken.find(value))
  if (!token?.isValid || ctx.querystring.includes('access_token')) {
    ctx.status = 401
    ctx.body = { title: 'Unauthorized', type: 'about:blank', status: 401, detail: 'Unauthorized' }
    return
  }
  const may = (scope) => token.scope?.split(' ').includes(scope)
  if (ctx.method === 'GET' && ctx.path === '/2/users/me' && may('users.read')) {
    // Ids of X are digits: made of the name.
    const id = [...token.accountId].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 1_000_000_007, 7)
    ctx.body = { data: { id: String(id), name: token.accountId, username: token.accountId } }
  } else if (ctx.method === 'POST' && ctx.path === '/2/tweets' && may('tweet.write')) {
    const { text } = JSON.parse(await read(ctx.req))
    const id = String(1_880_000_000_000_000_000n + BigInt(posts.length + 1))
    posts.push({ id, text, account: token.accountId })
    ctx.status = 201
    ctx.body = { data: { id, text } }
  } else {
    ctx.status = 403
    ctx.body = { title: 'Forbidden', type: 'about:blank', status: 403, detail: 'not of this resource, or not in scope' }
  }
})

const server = provider.listen(port, '127.0.0.1', async () => {
  await fs.writeFile(`${addressFile}.new`, address)
  await fs.rename(`${addressFile}.new`, addressFile)
})
process.on('SIGTERM', () => server.close(() => process.exit(0)))
