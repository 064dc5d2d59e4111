// Runs a collection and ends with the run. The command `newman` waits until Node has nothing left to do, and one run in
// four it keeps a socket for ever.   node run.js COLLECTION BASE_URL MODEL REPORT
const newman = require("newman");
const path = require("path");

const [collection, baseUrl, model, report] = process.argv.slice(2);

newman.run(
  {
    collection: require(path.resolve(collection)),
    envVar: [
      { key: "base_url", value: baseUrl },
      { key: "model", value: model },
    ],
    workingDir: path.dirname(path.resolve(collection)),
    reporters: ["cli", "json"],
    reporter: { json: { export: report } },
    color: "off",
    timeoutRequest: 30000,
  },
  (error, summary) => {
    if (error) console.error(error);
    process.exit(error || summary.error || summary.run.failures.length ? 1 : 0);
  },
);
