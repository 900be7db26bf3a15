import { jsBackend } from '../../lib/backend/select';
import { onFallback } from '../support/backends';
import { conformance } from './conformance';
import { conformanceFailures } from './conformance-failures';
import { conformanceMethods } from './conformance-methods';
import { conformanceModules } from './conformance-modules';

onFallback();
conformance('fallback', jsBackend()).run();
conformanceMethods('fallback', jsBackend()).run();
conformanceFailures('fallback', jsBackend()).run();
conformanceModules('fallback', jsBackend()).run();
