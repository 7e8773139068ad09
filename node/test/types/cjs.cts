// The same from CommonJS.

import onceward = require("onceward");
import testing = require("onceward/testing");

const app: onceward.Consumer = new onceward.Consumer({ file: "onceward.toml" });
app.on("orders", (event) => {
  const id: string = event.id;
  void id;
});
const rig: testing.Rig = new testing.Rig(app);
rig.close();
