"""The forms of the webhooks' pages."""

from django import forms

from alloyworks.webhooks.events import EVENTS

WORDS = {
    "job.succeeded": "A job has succeeded",
    "job.failed": "A job has failed",
    "job.cancelled": "A job was cancelled",
}


class EndpointForm(forms.Form):
    url = forms.CharField(
        max_length=2000,
        label="URL",
        widget=forms.URLInput(attrs={"placeholder": "https://example.org/hook"}),
    )
    events = forms.MultipleChoiceField(
        choices=[(event, WORDS[event]) for event in EVENTS],
        initial=list(EVENTS),
        widget=forms.CheckboxSelectMultiple,
    )


class MailForm(forms.Form):
    job_end = forms.BooleanField(required=False, label="When a job that I submitted has ended")
