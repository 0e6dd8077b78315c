/** The API key, if the service needs one, stored for this tab until it is closed. */

const NAME = "api-key";

/** The request headers with the key; none without a key. @returns {Record<string, string>} */
export function credentials() {
  const key = sessionStorage.getItem(NAME);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

export function hasKey() {
  return sessionStorage.getItem(NAME) !== null;
}

/** @param {string} key */
export function keepKey(key) {
  sessionStorage.setItem(NAME, key);
}
