// What is packed in the page: deflated, in base64.

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function unpackText(text) {
  return new TextDecoder().decode(await unpack(text));
}

// 32-bit floats whose first bytes come first, then all second ones, and so on.
async function unpackNumbers(text) {
  const planes = await unpack(text);
  const count = planes.length / 4;
  const bytes = new Uint8Array(planes.length);
  for (let place = 0; place < 4; place += 1) {
    for (let index = 0; index < count; index += 1) bytes[index * 4 + place] = planes[place * count + index];
  }
  return new Float32Array(bytes.buffer);
}
