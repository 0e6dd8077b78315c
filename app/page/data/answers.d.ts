/** The JSON answers of the service, as far as the page uses them; /docs has all fields. */

export interface Feature {
  name: string;
  unit: string | null;
  minimum: number | null;
  maximum: number | null;
  example: number | null;
}

export interface TrainingRows {
  rows: number[][];
  /** The class index of each row. */
  labels: number[];
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
  test_accuracy: number;
  seeds: { count: number; mean_test_accuracy: number } | null;
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
  training_rows: TrainingRows | null;
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
  signature: { inputs: Input[]; outputs: Output[] };
  layers: Layer[];
  trainable: number;
  backend: string;
  /** A valid body of /predict; null if it would be large. */
  example: object | null;
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

export interface StateEntry extends Outline {
  kind: string;
  elements: number;
  sha256: string;
  statistics: Statistics;
}

/** GET /state */
export interface State {
  totals: Totals;
  entries: StateEntry[];
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

export interface FeatureDrift {
  name: string;
  level: "none" | "moderate" | "major" | null;
  psi: number | null;
  ks: number | null;
  p_value: number | null;
  edges: number[];
  training: number[];
  window: number[] | null;
  below: number | null;
  above: number | null;
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
