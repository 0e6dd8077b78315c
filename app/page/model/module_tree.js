/** The modules and tensors below a module, as the service sends them. */

/**
 * @import { Outlined, TreeNode } from "../data/answers.js"
 */

/** The dotted name of a child of the module at `path`. @param {string} path @param {TreeNode} child */
export function pathOf(path, { name }) {
  return path ? `${path}.${name}` : name;
}

/** The tensor that a leaf of the tree stands for. @param {TreeNode} leaf @param {string} name @returns {Outlined} */
export function outlineOf({ shape, elements, dtypes, kinds }, name) {
  const [[dtype], [kind]] = [Object.keys(dtypes), Object.keys(kinds)];
  return { name, shape: shape ?? [], elements, dtype, kind };
}

/** "1,024 parameters, 65 elements of buffers". @param {Record<string, number>} kinds */
export function countText(kinds) {
  const texts = Object.entries(kinds).map(([kind, elements]) => {
    const [number, plural] = [elements.toLocaleString("en"), elements === 1 ? "" : "s"];
    return kind === "buffer" ? `${number} element${plural} of buffers` : `${number} ${kind}${plural}`;
  });
  return texts.join(", ");
}
