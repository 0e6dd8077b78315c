/** The safetensors format, as far as the service's answers use it. */

/** @import { Tensor } from "./npy.js" */

/** @type {Record<string, (new (buffer: ArrayBuffer) => Tensor["data"]) | undefined>} */
const KINDS = {
  F32: Float32Array,
  F64: Float64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
};

/** The tensors in a file, by name; those of other dtypes are left out. @param {ArrayBuffer} buffer */
export function decodeSafetensors(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  /** @type {Record<string, Tensor>} */
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: [from, to] = [0, 0] }] of Object.entries(header)) {
    const Kind = KINDS[dtype];
    if (Kind) tensors[name] = { shape, data: new Kind(buffer.slice(8 + length + from, 8 + length + to)) };
  }
  return tensors;
}
