// Calls the service at the address in the arguments; the types are those of its document.
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

declare const process: { argv: string[] };
const client = createClient<paths>({ baseUrl: process.argv[2] });
const flower = { sepal_length: 5.1, sepal_width: 3.5, petal_length: 1.4, petal_width: 0.2 };
const one = await client.POST("/predict", { body: flower });
const many = await client.POST("/predict", { body: { instances: [flower, flower] } });
const models = await client.GET("/models");
// @ts-expect-error: a field is missing
const wrong = await client.POST("/predict", { body: { sepal_length: 5.1 } });
console.log(
  JSON.stringify({
    class: typeof one.data === "object" && "class" in one.data ? one.data.class : null,
    classes: typeof many.data === "object" && "predictions" in many.data ? many.data.predictions.map((p) => p.class) : [],
    default: models.data?.default,
    problem: wrong.error?.detail,
  }),
);
