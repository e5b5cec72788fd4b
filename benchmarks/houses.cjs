// The house-price model in TensorFlow.js: reads the settings, then fits the model anew for each line "fit" it is sent.
// A line of JSON answers each line. Started by workloads/houses.py.
"use strict";
const { createRequire } = require("node:module");
const path = require("node:path");
const readline = require("node:readline");

async function prepare(settings) {
  const load = createRequire(path.join(settings.folder, "package.json"));
  console.warn = console.log = () => {}; // its advice would be taken for an answer
  const tf = load("@tensorflow/tfjs");
  if (settings.backend === "wasm") {
    const wasm = load("@tensorflow/tfjs-backend-wasm");
    wasm.setThreadsCount(1);
    wasm.setWasmPaths(path.dirname(load.resolve("@tensorflow/tfjs-backend-wasm")) + path.sep);
  }
  if (!(await tf.setBackend(settings.backend))) throw new Error(`no back end ${settings.backend}`);
  await tf.ready();
  const x = tf.tensor2d(settings.x);
  const y = tf.tensor2d(settings.y);
  return async () => {
    const model = tf.sequential();
    model.add(tf.layers.dense({ units: 1, inputShape: [settings.x[0].length] }));
    model.setWeights([tf.tensor2d(settings.kernel), tf.zeros([1])]);
    model.compile({ optimizer: tf.train.sgd(settings.rate), loss: "meanSquaredError" });
    const history = await model.fit(x, y, {
      batchSize: settings.batch,
      epochs: settings.epochs,
      validationSplit: settings.split,
      shuffle: true,
      verbose: 0,
    });
    model.dispose();
    const last = (name) => history.history[name].at(-1);
    return { loss: last("loss"), validationLoss: last("val_loss"), version: tf.version.tfjs };
  };
}

async function main() {
  const answer = (value) => process.stdout.write(JSON.stringify(value) + "\n");
  let fit = null;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (fit === null) {
      fit = await prepare(JSON.parse(line));
      answer({ ready: true });
    } else {
      answer(await fit());
    }
  }
}

main().catch(() => process.exit(1));
