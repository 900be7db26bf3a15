// Prints the include folder that has uv.h of the running Node: CMake needs it, since cmake-js brings node_api.h only.
import { headersFolder } from './support/native-build.mjs';

const folder = headersFolder();
if (folder === undefined) {
  console.error("Node's headers are neither beside node nor in node-gyp's store: run npx node-gyp install");
  process.exit(1);
}
console.log(folder);
