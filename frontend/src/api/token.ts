/** The access token, where the gateway wants one. It is kept for the tab's session only. */

const KEY = 'kintsugi.token'

export function setToken(token: string): void {
  sessionStorage.setItem(KEY, token)
}

/** The header that a request needs; none without a token. */
export function authorization(): Record<string, string> {
  const token = sessionStorage.getItem(KEY)
  return token ? { authorization: `Bearer ${token}` } : {}
}
