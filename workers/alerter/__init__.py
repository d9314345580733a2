"""The alerter: tagged events become stories, stories become few alerts. The core is pure; only its host knows Faust."""
