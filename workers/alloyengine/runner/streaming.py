"""A merge without the models on this disk: weights come from storage and go there as they are made."""

from alloyengine.checkpoint import Input
from alloyengine.checkpoint.remote import RemoteModel
from alloyengine.checkpoint.remote_blocks import Blocks
from alloyengine.checkpoint.sink_upload import Upload
from alloyengine.errors import Stopped
from alloyengine.merge.meeting import tell_meeting
from alloyengine.merge.run import run
from alloyengine.report import Reporter
from alloyengine.runner.asking import Agent
from alloyengine.runner.messages import Done, Place, Work
from alloyengine.spec.merge import MergeSpec


def merge(spec: MergeSpec, work: Work, agent: Agent, report: Reporter) -> Done:
    """The small files of the result are left in the folder `work.out`. Raises EngineError."""

    def check() -> None:
        if report.stopping():
            raise Stopped("stopped", "The merge was stopped.")

    with Blocks(check) as blocks:

        def model(reference: str, place: Place) -> Input:
            return RemoteModel(place.folder, place.weights, blocks, lambda: agent.urls(reference))

        models = {reference: model(reference, place) for reference, place in work.inputs.items()}
        upload = Upload(work.out, agent.plan, check)
        result = run(spec, models, upload, report)
        sent = sum(file.size for file in upload.files)
        tell_meeting(spec, models, report)
        report.log(f"Read {blocks.fetched:,} bytes of weights from storage, sent {sent:,} there.")
    return Done(result=result, files=upload.files, parts=upload.parts)
