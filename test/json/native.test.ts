// @timeout 240
// @env TAILRACE_ISA=fallback|westmere|haswell|icelake|arm64
// Each CPU kernel in a process of its own. A kernel this CPU cannot run is a skipped file, not a passed one.
import { backend } from '../../lib/backend/select';
import * as json from '../../lib/json';
import { everyTextIsOurs, onNative, skipFile } from '../support/backends';
import { conformance } from './conformance';

onNative();
const wanted = process.env.TAILRACE_ISA;
if (wanted !== undefined && backend().isa !== wanted)
  skipFile(`optional: this CPU has no ${wanted} kernel (${backend().isa} in use)`);
// each kernel reads all it may, or the suites would mostly be V8's
everyTextIsOurs();
conformance(`native ${backend().isa}`, json).run();
