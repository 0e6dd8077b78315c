/** The API key, where the service asks for one: kept for this tab, until it is closed. */

const NAME = "api-key";

/** The request headers with the key; none where no key is kept. @returns {Record<string, string>} */
export function credentials() {
  const key = sessionStorage.getItem(NAME);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** @param {string} key */
export function keepKey(key) {
  sessionStorage.setItem(NAME, key);
}
