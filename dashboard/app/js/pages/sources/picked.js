// Files as people give them: chosen, or dropped, folders among them.

const READABLE = "csv docx eml epub htm html json jsonl markdown md ndjson pdf pptx rst tsv txt xhtml xlsx zip".split(" ");

/** For `<input accept>`. */
export const ACCEPT = READABLE.map((name) => `.${name}`).join(",");

export const isReadable = (file) => READABLE.includes(file.name.split(".").at(-1).toLowerCase()) && !file.name.startsWith(".");

/** All files of a drop, {file, folder}; the list of items is gone after the first wait, so that it is read at once. */
export async function dropped(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() || item.getAsFile());
  return (await Promise.all(entries.filter(Boolean).map((entry) => filesOf(entry)))).flat();
}

export const chosen = (input) => [...input.files].map((file) => ({ file, folder: folderOf(file.webkitRelativePath || "") }));

const folderOf = (path) => path.split("/").slice(0, -1).join("/");

async function filesOf(entry, folder = "") {
  if (entry instanceof File) return [{ file: entry, folder }];
  if (entry.isFile) return [{ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), folder }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    if (!some.length) return found;
    for (const inside of some) found.push(...(await filesOf(inside, folder ? `${folder}/${entry.name}` : entry.name)));
  }
}
