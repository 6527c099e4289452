"""The controller process: the eyes and the judgement."""
