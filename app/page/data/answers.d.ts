/** The JSON answers of the service, as far as the page uses them; /docs has all fields. */

export interface Feature {
  name: string;
  unit: string | null;
  minimum: number | null;
  maximum: number | null;
  example: number | null;
  /** Whether all numbers in training were whole. */
  whole?: boolean;
  /** "number" if absent. */
  kind?: "number" | "boolean" | "category";
  /** Of a category. */
  values?: string[] | null;
  /** Whether a text that is not one of `values` is accepted. */
  other?: boolean;
  missing?: boolean;
}

/** GET /model/training_rows */
export interface RowColumns {
  /** The class of each row. */
  labels: number[];
  /** For each feature, how well it separates the classes. */
  separation: number[];
  columns: Record<string, number[]>;
}

export interface Reliability {
  expected_calibration_error: number;
  expected_calibration_error_interval: number[] | null;
}

export interface Calibration {
  temperature: number;
  measured_on: string;
  measured_rows: number;
  before: Reliability;
  after: Reliability;
  bootstrap: { level: number } | null;
}

export interface Metrics {
  test_accuracy?: number;
  test_r2?: number;
  seeds?: { count: number; mean_test_accuracy: number } | null;
}

/** The model card. */
export interface Card {
  features: Feature[];
  classes: string[];
  dataset: string | null;
  split: { train_rows: number; test_rows: number } | null;
  metrics: Metrics | null;
  calibration: Calibration | null;
  mahalanobis: object | null;
  /** Whether the code is a program of torch.export, whose modules do not run. */
  program: boolean;
  /** The output that is shown, of a model with any module; a tabular classifier has no choice. */
  output: Output | null;
  /** The column that was learned, of a table. */
  target: string | null;
  /** The share of held-out rows that an interval contains. */
  level: number | null;
  /** Training rows of a table, with their classes or numbers. */
  examples: { target: string | number; values: Record<string, number | string | boolean | null> }[];
}

/** One output of the signature; `classes` name its last axis. */
export interface Output {
  name: string;
  dtype: string;
  shape: number[];
  kind: string;
  classes: string[] | null;
  unit: string | null;
}

export interface Image {
  mode: "L" | "RGB" | "RGBA";
  resize: number | number[] | null;
  crop: number[] | null;
  scale: number;
  mean: number[] | null;
  std: number[] | null;
  layout: "CHW" | "HWC" | "HW";
}

export interface Input {
  name: string;
  dtype: string;
  shape: number[];
  image: Image | null;
  /** The columns of a table. */
  features: Feature[] | null;
  tokens: { vocabulary: number | null; pad: number | null } | null;
}

export interface Layer {
  name: string;
  type: string;
  text: string;
  parameters: number;
  buffers: number;
  /** For one instance; null if the layer did not run. */
  output_shapes: number[][] | null;
}

export interface Totals {
  parameters: number;
  buffers: number;
  bytes: number;
  tied: number;
}

/** GET /model */
export interface Model {
  name: string;
  version: string;
  state_sha256: string;
  totals: Totals;
  card: Card;
  warnings: string[];
  /** Axes of inputs in one list of `equal_axes`, such as `ids:1`, have equal lengths. */
  signature: { inputs: Input[]; outputs: Output[]; equal_axes?: string[][] };
  layers: Layer[];
  trainable: number;
  backend: string;
  /** A valid body of /predict; null if it would be large. */
  example: object | null;
  /** Of a model of pictures: noise, or one colour. */
  example_is_noise: boolean;
  /** How many the card holds; the service sends them by columns. */
  training_rows: number;
  /** Why /explain gives no attributions; null if it does. */
  unexplained: string | null;
}

/** GET /models */
export interface Models {
  default: string;
  models: { name: string; default_version: string | null; versions: { version: string; state: string }[] }[];
}

/** GET /page/service.json */
export interface Service {
  prediction_log: boolean;
}

export interface Outline {
  name: string;
  shape: number[];
  dtype: string;
}

export interface Statistics {
  min: number | null;
  max: number | null;
  mean: number | null;
  std: number | null;
  norm: number | null;
  zeros: number;
  non_finite: number;
}

/** An entry without values. */
export interface Outlined extends Outline {
  kind: string;
  elements: number;
}

export interface Spectrum {
  singular_values: number[];
  rank: number;
  effective_rank: number;
  stable_rank: number;
  above_random: number;
}

export interface Findings {
  constant: number | null;
  nan: { count: number } | null;
  infinite: { count: number } | null;
  dead_rows: { count: number; first: number[] } | null;
  dead_columns: { count: number; first: number[] } | null;
}

export interface Initialisation {
  layer: string;
  law: string;
  expected: number;
  ratio: number | null;
  state: string;
  differs: ("spread" | "mean" | "range")[];
}

/** GET /state/{name} */
export interface StateEntry extends Outlined {
  tied_to: string | null;
  sha256: string;
  statistics: Statistics;
  histogram: Histogram | null;
  spectrum: Spectrum | null;
  findings: Findings | null;
  initialisation: Initialisation | null;
}

/** GET /state */
export interface State {
  totals: Totals & { entries: number };
  /** Of a large state the first. */
  entries: Outlined[];
}

/** A module or, with a shape, a tensor. */
export interface TreeNode {
  name: string;
  /** Below it. */
  tensors: number;
  elements: number;
  dtypes: Record<string, number>;
  kinds: Record<string, number>;
  shape: number[] | null;
  /** None: they are not sent. */
  children: TreeNode[];
}

/** GET /state?tree=true&branch= */
export interface StateBranch {
  totals: Totals & { entries: number };
  tree: TreeNode;
  /** The path of the next page of children. */
  next: string | null;
}

export interface Histogram {
  counts: number[];
  edges: number[];
}

export interface Difference {
  name: string;
  changed: number;
  non_finite: number;
  max_absolute: number | null;
  mean_absolute: number | null;
  relative_norm: number | null;
  cosine: number | null;
}

/** GET /models/{name}/diff */
export interface Comparison {
  identical: boolean;
  added: Outline[];
  removed: Outline[];
  recast: { first: Outline; second: Outline }[];
  differences: Difference[];
}

export interface Novelty {
  distance: number;
  training_share: number;
  out_of_distribution: boolean;
}

/** POST /predict */
export interface Prediction {
  class: string;
  index: number;
  probabilities: Record<string, number>;
  warnings: { feature: string; value: number; detail: string }[];
  model?: { name: string; version: string; state_sha256: string };
  novelty?: Novelty;
}

export interface Attributions {
  features: Record<string, number>;
  logit: number;
  baseline_logit: number;
}

export interface Counterfactual {
  features: Record<string, number>;
  changes: Record<string, number>;
  class: string;
  distance: number;
}

export interface Neighbour {
  features: Record<string, number>;
  distance: number;
}

/** POST /predict of a model with any module: as above, or its outputs. */
export interface AnyPrediction extends Partial<Prediction> {
  outputs?: Record<string, unknown>;
  predictions?: object[];
}

/** How well the answers fit the true classes or numbers. */
export interface Score {
  column: string;
  rows: number;
  accuracy: number | null;
  right: number | null;
  r2: number | null;
  mae: number | null;
  /** Why the score is no test of the model. */
  note: string | null;
}

/** POST /predict of a table: what was read of it. */
export interface Table {
  /** The number of each row in the file, from 1. */
  rows: number[];
  columns: Record<string, (number | string | boolean | null)[]>;
  others: Record<string, (string | null)[]>;
  score: Score | null;
  notes: string[];
  /** Why the first of the rows that were left out cannot be read. */
  bad: string[];
  left_out: number;
  /** The file's names of the features. */
  header: Record<string, string>;
  /** Null of a file that is no delimited text. */
  separator: string | null;
  decimal_mark: string | null;
}

/** POST /explain */
export interface Explanation {
  class: string;
  probabilities: Record<string, number>;
  activations: Record<string, number[]>;
  attributions: Attributions;
  counterfactual: Counterfactual | null;
  counterfactual_search: { statement: string };
  neighbours: Record<string, Neighbour[]> | null;
  training_rows: { searched: number; total: number } | null;
}

/** What a layer returned; `values` are null for a large tensor. */
export interface Activation {
  layer: string;
  shape: number[];
  /** Absent for a tabular classifier. */
  statistics?: Statistics;
  values: unknown;
}

/** POST /explain of a model with any module. */
export interface TensorExplanation {
  class: string | null;
  /** By input; those of a table by feature. */
  attributions: Record<string, Record<string, number>> | null;
  method: string;
  score: number | null;
  baseline_score: number | null;
  activations: Activation[] | null;
}

export interface FeatureDrift {
  name: string;
  level: "none" | "moderate" | "major" | null;
  psi: number | null;
  ks: number | null;
  p_value: number | null;
  /** Of the bins of a number; a category has the names of its bins in `values`. */
  edges: number[] | null;
  values: string[] | null;
  training: number[];
  training_missing: number;
  window: number[] | null;
  below: number | null;
  above: number | null;
  missing: number | null;
}

export interface ClassCount {
  class: string;
  count: number;
  share: number | null;
}

export interface Feedback {
  count: number;
  accuracy: number | null;
  confusion: number[][];
}

/** GET /monitoring */
export interface Monitoring {
  predictions: number;
  classes: ClassCount[];
  feedback: Feedback;
  values: { count: number; mean_absolute: number } | null;
  drift: { rows: number; features: FeatureDrift[] } | null;
  window: { end: string };
  other_states: { predictions: number }[];
}
