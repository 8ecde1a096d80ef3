// A shell through the npm package ssm-session: `node shell.js URL TOKEN`. Types a few lines as a person would,
// changes the window's size in between, and prints what the terminal showed.
const WebSocket = require("ws");
const { ssm } = require("ssm-session");

const [url, token] = process.argv.slice(2);
const window = { rows: 24, cols: 80 };
const socket = new WebSocket(url);
const decoder = new TextDecoder();
let shown = "";
let size = null;

// Each line is typed when the screen shows what the one before it printed.
const script = [
  { after: "$|#", type: "stty size; echo first-$((20+22))\n" },
  { after: "first-42", type: "echo resize now\n", resize: { rows: 40, cols: 120 } },
  { after: "resize now\\r\\n", type: "sleep 0.2; stty size; echo second-$((1+1))\n" },
  { after: "second-2", type: "exit\n" },
];

socket.on("open", () => ssm.init(socket, { token, termOptions: window }));
socket.on("message", (data) => {
  const bytes = new Uint8Array(data);
  const message = ssm.decode(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  if (message.messageType === "output_stream_data") ssm.sendACK(socket, message);
  if (message.payloadType === 17 && !size) size = window;
  if (message.payloadType === 1 && message.messageType === "output_stream_data") {
    shown += decoder.decode(message.payload);
    process.stdout.write(decoder.decode(message.payload));
    while (script.length && new RegExp(script[0].after.replace("$|#", "[$#] ")).test(shown)) {
      const step = script.shift();
      shown = "";
      if (step.resize) sendSize(step.resize);
      ssm.sendText(socket, new TextEncoder().encode(step.type), next());
    }
  }
});
socket.on("close", () => process.exit(script.length ? 1 : 0));
socket.on("error", (error) => { console.error(String(error)); process.exit(2); });
setTimeout(() => { console.error("too slow; shown: " + shown); process.exit(3); }, 60000).unref();

// ssm.init has sent number 0. The library counts only its own texts, and a size takes a number too.
let sequence = 0;
function next() { return ++sequence; }

// The library builds a size only as the first message: take its bytes and give them the next number.
function sendSize(window) {
  const frame = ssm.buildInitMessage(window);
  new DataView(frame.buffer).setBigInt64(48, BigInt(next()));
  socket.send(frame);
}
