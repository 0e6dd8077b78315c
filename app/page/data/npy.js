/** NumPy's file format, version 1.0, as far as the service uses it. */

/** @typedef {Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array} Numbers */
/** @typedef {{ shape: number[], data: Numbers }} Tensor  Row by row. */

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0];
const PREFIX = 10;
const HALF = "<f2";
/** @type {Record<string, new (buffer: ArrayBuffer, offset: number, length: number) => Numbers | BigInt64Array | BigUint64Array>} */
const KINDS = {
  "<f4": Float32Array,
  "<f8": Float64Array,
  "|i1": Int8Array,
  "<i2": Int16Array,
  "<u2": Uint16Array,
  "<u4": Uint32Array,
  "<u8": BigUint64Array,
  "<i4": Int32Array,
  "<i8": BigInt64Array,
  "|u1": Uint8Array,
  "|b1": Uint8Array,
};

/** The bytes of an npy file. @param {Float32Array} data  Row by row. @param {number[]} shape */
export function encodeNpy(data, shape) {
  const tuple = `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': ${tuple}, }`;
  // The data start on a multiple of 64, and the header ends its line.
  const length = Math.ceil((PREFIX + text.length + 1) / 64) * 64 - PREFIX;
  const header = new TextEncoder().encode(`${text.padEnd(length - 1)}\n`);
  const bytes = new Uint8Array(PREFIX + length + data.byteLength);
  bytes.set(MAGIC);
  new DataView(bytes.buffer).setUint16(8, length, true);
  bytes.set(header, PREFIX);
  const littleEndian = new DataView(bytes.buffer, PREFIX + length);
  data.forEach((value, place) => littleEndian.setFloat32(4 * place, value, true));
  return bytes;
}

/** The tensor in the bytes of an npy file. Throws on anything else. @param {ArrayBuffer} buffer @returns {Tensor} */
export function decodeNpy(buffer) {
  const bytes = new Uint8Array(buffer);
  if (!MAGIC.every((byte, place) => bytes[place] === byte)) throw new Error("not an npy file of version 1.0");
  const start = PREFIX + new DataView(buffer).getUint16(8, true);
  const header = new TextDecoder("latin1").decode(bytes.subarray(PREFIX, start));
  const kind = /'descr': *'([^']+)'/.exec(header)?.[1] ?? "";
  const shape = /'shape': *\(([^)]*)\)/.exec(header)?.[1].match(/\d+/g)?.map(Number) ?? [];
  // Not every browser has Float16Array.
  const Kind = kind === HALF ? Uint16Array : KINDS[kind];
  if (!Kind) throw new Error(`an npy file of ${kind}, which is not read here`);
  // In one dimension both orders are the same.
  if (/'fortran_order': *True/.test(header) && shape.length > 1) throw new Error("an npy file in Fortran's order");
  const length = shape.reduce((product, size) => product * size, 1);
  const data = new Kind(buffer.slice(start), 0, length);
  if (kind === HALF) return { shape, data: Float32Array.from(/** @type {Uint16Array} */ (data), readHalf) };
  const big = data instanceof BigInt64Array || data instanceof BigUint64Array;
  return { shape, data: big ? Float64Array.from(data, Number) : data };
}

/** The number that 16 bits of a half-precision float hold. Source: IEEE 754-2008, binary16. @param {number} bits */
function readHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}
