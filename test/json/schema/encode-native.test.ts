// @timeout 120
import { onNative } from '../../support/backends';
import { encodeSuite } from './encode';

onNative();
encodeSuite('native').run();
