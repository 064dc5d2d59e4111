// Files on their way: several small ones together as a group, archives and large ones alone, and what is larger than 10 MiB in pieces,
// so that a broken line costs little.

import { address, ApiError, csrfToken, renewed, upload } from "../../api.js";

const MIB = 1048576;
const LARGE = 10 * MIB;
const GROUP = { files: 100, bytes: 49 * MIB };
const PIECE = 5 * MIB;

export const isArchive = (file) => /\.zip$/i.test(file.name);

/** What is sent together: lists of files, each {files, kind: 'form' or 'pieces', ofGroup}. */
export function planned(files) {
  const small = files.filter((file) => !isArchive(file) && file.size <= LARGE);
  const plans = [];
  let group = null;
  for (const file of small) {
    const bytes = group ? group.bytes + file.size : 0;
    if (!group || group.files.length === GROUP.files || bytes > GROUP.bytes) {
      group = { kind: "form", files: [], bytes: 0 };
      plans.push(group);
    }
    group.files.push(file);
    group.bytes += file.size;
  }
  for (const plan of plans) plan.ofGroup = small.length > 1;
  const others = files.filter((file) => !small.includes(file));
  const kindOf = (file) => (file.size > LARGE ? "pieces" : "form");
  return plans.concat(others.map((file) => ({ kind: kindOf(file), files: [file], bytes: file.size, ofGroup: false })));
}

/**
 * Sends a plan and answers the id of the source that was made; `progress` hears of a part from 0 to 1. A group may have a name, or
 * be added to the group `parentId`.
 */
export function send(plan, options) {
  return plan.kind === "pieces" ? inPieces(plan.files[0], options) : atOnce(plan, options);
}

async function atOnce(plan, { bot, name, parentId, progress, signal }) {
  const form = new FormData();
  form.append("bot_profile_id", bot);
  if (name && !parentId) form.append("name", name);
  if (parentId) form.append("parent_id", parentId);
  for (const file of plan.files) form.append("file", file, file.name);
  const answer = await upload("/sources/upload", form, { progress, signal });
  return parentId || (answer.parent || answer).id;
}

/** By tus: an upload of the same file that was broken off goes on where it was, also after the page was loaded again. */
async function inPieces(file, { bot, progress, signal }) {
  const { Upload } = await import("../../../vendor/tus.esm.js");
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await new Promise((resolve, reject) => begin(Upload, file, { bot, progress, signal, resolve, reject }));
    } catch (error) {
      if (!(error.status === 401 && isFirst && (await renewed()))) throw error;
    }
  }
}

async function begin(Upload, file, { bot, progress, signal, resolve, reject }) {
  let sourceId = null;
  const going = new Upload(file, {
    endpoint: new URL(address("/uploads"), location.origin).href,
    chunkSize: PIECE,
    retryDelays: [0, 1000, 3000, 10000, 20000],
    onShouldRetry: (error) => isPassing(error.originalResponse?.getStatus() || 0),
    removeFingerprintOnSuccess: true,
    metadata: { filename: file.name, bot_profile_id: bot },
    fingerprint: async () => ["minirag", bot, file.name, file.size, file.lastModified].join("/"),
    onBeforeRequest: (request) => request.setHeader("X-CSRF-Token", csrfToken() || ""),
    onAfterResponse: (_, response) => (sourceId = response.getHeader("X-MiniRAG-Source-Id") || sourceId),
    onProgress: (done, total) => progress(done / total),
    onSuccess: () => resolve(sourceId),
    onError: (error) => reject(refusal(error)),
  });
  signal.addEventListener("abort", () => {
    going.abort(true).catch(() => {}); // what is left of it there is forgotten after a day
    reject(new DOMException("stopped", "AbortError"));
  });
  const [before] = await going.findPreviousUploads();
  if (before) going.resumeFromPreviousUpload(before);
  if (!signal.aborted) going.start();
}

/** Whether the same may work in a moment: no answer, no server, or somebody else was at it. */
const isPassing = (status) => status === 0 || status >= 500 || [409, 423, 429].includes(status);

function refusal(error) {
  const response = error.originalResponse;
  if (!response) return new ApiError(0);
  try {
    return new ApiError(response.getStatus(), JSON.parse(response.getBody()));
  } catch {
    return new ApiError(response.getStatus()); // a proxy between us and the API
  }
}
