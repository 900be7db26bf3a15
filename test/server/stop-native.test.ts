// @timeout 240
import { onNative } from '../support/backends';
import { stopSteps } from './stop-steps';

onNative();
stopSteps('native').run();
