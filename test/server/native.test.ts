import { nativeBackend } from '../../lib/backend/select';
import { onNative } from '../support/backends';
import { conformance } from './conformance';
import { conformanceHttp } from './conformance-http';
import { conformanceLimits } from './conformance-limits';
import { conformanceNode } from './conformance-node';

onNative();
conformance('native', nativeBackend()).run();
conformanceLimits('native', nativeBackend()).run();
conformanceNode('native', nativeBackend()).run();
conformanceHttp('native', nativeBackend()).run();
