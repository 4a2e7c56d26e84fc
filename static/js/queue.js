// The review queue: its one key.

import { keysStart } from "./keys.js";

keysStart();
