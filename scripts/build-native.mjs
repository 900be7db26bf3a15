// npm run build:native: the addon by node-gyp, incrementally, with the compiler's own words when it fails.
import { addonPath, buildAddon, missingForBuild } from './support/native-build.mjs';

const missing = missingForBuild();
if (missing.length > 0) {
  console.error(`tailrace: the native core cannot be built, missing: ${missing.join(', ')}`);
  process.exit(1);
}
const { ok, log } = buildAddon();
if (!ok) {
  console.error(log);
  process.exit(1);
}
console.log(addonPath);
